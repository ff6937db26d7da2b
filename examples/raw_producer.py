"""Export a project with nothing but a Kafka client: raw_producer.py localhost:9092 project.json"""

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer

broker, prefix = {"bootstrap.servers": sys.argv[1]}, os.environ.get("KAFKA_TOPIC_PREFIX", "")
project, job_id = json.loads(Path(sys.argv[2]).read_bytes()), str(uuid.uuid4())
request = {"job_id": job_id, "format": "mp4", "settings": {"quality": "720p"}, "project": project}
producer = Producer(broker)
producer.produce(f"{prefix}export.requests", json.dumps(request), key=job_id)
producer.flush()
consumer = Consumer({**broker, "group.id": job_id, "auto.offset.reset": "earliest"})
consumer.subscribe([f"{prefix}export.status"])
job: dict[str, Any] = {}
while job.get("status") not in ("completed", "failed", "cancelled"):
    message = consumer.poll(1)
    if message and not message.error() and message.key() == f"default/{job_id}".encode():  # tenant/job
        job = json.loads(message.value() or b"{}")
        print(job["status"], job["progress"], "%")
print(json.dumps(job.get("result") or job.get("error"), indent=2))
