"""The loop that runs stages on Kafka: polling, offsets, back-pressure, retries, dead letters."""
