"""What somebody with bad intent, or bad luck, tries; and that it does not get through."""
