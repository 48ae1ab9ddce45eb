"""Exposition texts of the presets' families, and what they say."""

from tests.records.collectors.pool_texts import go_node_dotnet, jvm, python, servers

TEXTS = (*jvm.TEXTS, *python.TEXTS, *go_node_dotnet.TEXTS, *servers.TEXTS)
