"""One Kafka 4.3 broker in KRaft mode, its jars brought by Maven.

The settings beyond the obvious make a single node usable within two seconds: small internal
topics, no delay for the first join of a group, and a short broker session, because a killed broker
can only come back after its old session ended.
"""

from __future__ import annotations

import base64
import os
import shutil
from functools import cache
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.servers.base import CACHE, Server, ServerUnavailable, exclusive, free_port, listening, run_setup

VERSION = "4.3.1"

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.partitions=4
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
group.consumer.min.session.timeout.ms=2000
group.consumer.session.timeout.ms=3000
broker.session.timeout.ms=3000
log.cleaner.dedupe.buffer.size=4194304
"""

LOGGING = """\
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c: %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""


@cache
def jars() -> Path:
    """The folder with the broker's jars, filled on first use; raises ServerUnavailable."""
    if shutil.which("java") is None:
        raise ServerUnavailable("A Kafka broker needs `java` (JDK 17 or later), which is not installed.")
    folder = CACHE / f"kafka-{VERSION}" / "lib"
    with exclusive("kafka"):
        if not any(folder.glob("kafka_2.13-*.jar")):
            pom = Path(__file__).with_name("kafka") / "pom.xml"
            part = folder.with_name("lib.part")
            arguments = [
                "mvn",
                "-B",
                "-q",
                "-f",
                str(pom),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
            ]
            run_setup([*arguments, f"-DoutputDirectory={part}"], "Fetching Kafka")
            part.rename(folder)
    return folder


class KafkaServer(Server):
    """A broker; `bootstrap` is where clients find it, before and after a restart."""

    name = "kafka"

    def __init__(self) -> None:
        self._jars = jars()
        super().__init__()
        self.port, self._controller = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._settings = self.folder / "server.properties"
        self._settings.write_text(
            SETTINGS.format(port=self.port, controller=self._controller, folder=self.folder)
        )
        (self.folder / "log4j2.xml").write_text(LOGGING)
        self._format()

    def _java(self, *arguments: str) -> list[str]:
        classpath = ":".join(str(jar) for jar in sorted(self._jars.glob("*.jar")))
        memory = ["-Xms192m", "-Xmx192m", "-Xss512k", "-XX:MaxMetaspaceSize=160m"]
        compiler = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.xml'}"
        return ["java", *memory, *compiler, logging, "-cp", classpath, *arguments]

    def _format(self) -> None:
        # A leading "-" would be read as an option.
        cluster = "k" + base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")[1:]
        cluster = cluster[:21] + "A"
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(self._settings)]
        run_setup(self._java(*tool), "Formatting Kafka's storage")

    def command(self) -> list[str]:
        """The broker's Java process."""
        return self._java("kafka.Kafka", str(self._settings))

    def ready(self) -> bool:
        """Whether the broker answers for its cluster, with itself in it."""
        if not listening(self.port):
            return False
        try:
            return bool(AdminClient({"bootstrap.servers": self.bootstrap}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def prime(self) -> None:
        """Have the broker make its offsets topic now: else the first group pays three seconds.

        A client that asked while it was being made heard nothing for 20 s, once: then another one asks.
        """
        for _ in range(3):
            admin = AdminClient({"bootstrap.servers": self.bootstrap})
            (answer,) = admin.describe_consumer_groups(["warm"], request_timeout=10).values()
            if answer.exception(timeout=60) is None:
                return
