"""A libpq client that inserts batches: multi-row VALUES, or COPY."""

from bench import rows
from bench.libpq import Connection
from bench.workers import frame


def connect(config):
    connection = Connection(config["dsn"])
    batch, table = config["batch"], config["table"]
    render = rows.copy_texts(batch) if config["method"] == "copy" else rows.values_statements(
        batch, table)
    texts = [text.encode() for text in render]
    placeholder = rows.PLACEHOLDER.encode()

    def step(prefix, number):
        text = texts[number % len(texts)].replace(placeholder, prefix.encode())
        if config["method"] == "copy":
            connection.copy(f"COPY {table} FROM STDIN".encode(), text)
        else:
            connection.execute(text)
        return batch

    return step


if __name__ == "__main__":
    frame.run(connect)
