"""Kafka as a queue of grants: a topic that the write-back reads as a consumer group."""
