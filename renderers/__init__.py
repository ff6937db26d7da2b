"""From a project to layers, frames, sound and files. Knows neither Kafka nor HTTP nor a store.

`ENGINE_VERSION` is part of every content key: raise it with each change that alters an output's bytes.
"""

ENGINE_VERSION = "8"
