"""Export a project with nothing but a Kafka client: raw_producer.py localhost:9092 project.json"""

import json
import os
import sys
import uuid

from confluent_kafka import Consumer, Producer

broker, prefix = {"bootstrap.servers": sys.argv[1]}, os.environ.get("KAFKA_TOPIC_PREFIX", "")
with open(sys.argv[2], encoding="utf-8") as file:
    job = {
        "job_id": str(uuid.uuid4()),
        "format": "mp4",
        "settings": {"quality": "720p"},
        "project": json.load(file),
    }
producer = Producer(broker)
producer.produce(f"{prefix}export.requests", json.dumps(job), key=job["job_id"])
producer.flush()
consumer = Consumer({**broker, "group.id": job["job_id"], "auto.offset.reset": "earliest"})
consumer.subscribe([f"{prefix}export.status"])
while job.get("status") not in ("completed", "failed", "cancelled"):
    message = consumer.poll(1)
    if message and not message.error() and message.key() == job["job_id"].encode():
        job = {"job_id": job["job_id"], **json.loads(message.value() or b"{}")}
        print(job["status"], job["progress"], "%")
consumer.close()
print(json.dumps(job.get("result") or job.get("error") or {}, indent=2))
