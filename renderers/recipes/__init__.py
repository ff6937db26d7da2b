"""What formats of one kind share: films, sounds, pages, and documents."""
