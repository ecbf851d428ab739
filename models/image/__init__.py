"""The image family: its model, networks, preprocessing and backends."""
