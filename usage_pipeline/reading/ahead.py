"""Work ahead of a consumer in a thread."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from queue import Queue
from typing import TypeVar

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _End:
    failure: BaseException | None


def ahead(source: Generator[_Item, None, None], depth: int = 2) -> Iterator[_Item]:
    """The items of `source`, made up to `depth` items ahead of the consumer.

    What `source` raises reaches the consumer, behind the items before it. When the consumer
    stops early, `source` is closed and its thread has ended before this returns.
    """
    items: Queue[_Item | _End] = Queue(depth)
    stopped = threading.Event()

    def produce() -> None:
        failure: BaseException | None = None
        try:
            with closing(source):
                for item in source:
                    items.put(item)
                    if stopped.is_set():
                        break
        except BaseException as error:
            failure = error
        items.put(_End(failure))

    thread = threading.Thread(target=produce, name="read-ahead", daemon=True)
    thread.start()
    ended = False
    try:
        while True:
            item = items.get()
            if isinstance(item, _End):
                ended = True
                if item.failure is not None:
                    raise item.failure
                return
            yield item
    finally:
        stopped.set()
        # The producer may wait for room in the queue: make it until it has ended.
        while not ended:
            ended = isinstance(items.get(), _End)
        thread.join()
