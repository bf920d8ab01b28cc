"""Random applications, as plain lists of events, and the records that say the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from cedr.runtime.record import Record, RecordWriter, read_record
from cedr.target.api import CallClass

DIMS = {
    "gemm": {"m": 4, "k": 64, "n": 4},
    "fft": {"b": 1, "n": 16},
    "zip": {"n": 8},
    "kernel": {"elements": 2, "flops": 4, "bytes_in": 8, "bytes_out": 8, "macs": 0},
    "join": {},
}


def call_class(api: str, label: str = "grid:0") -> CallClass:
    """A class of an API, apart from others by its label."""
    return CallClass(api, "c64" if api == "fft" else "f32", DIMS[api], {}, label)


@dataclass(frozen=True)
class Event:
    """kind: submit block wait wait_all host spawn join end. kind_of_task: its class; listed: after ids or wait set."""

    kind: str
    host_ns: int = 0
    task: int = -1
    kind_of_task: int = -1
    listed: tuple[int, ...] = ()
    number: int = 0


@dataclass
class Application:
    """classes: the API name of each; threads: by number, their events."""

    apis: list[str]
    threads: dict[int, list[Event]] = field(default_factory=dict)

    def record(self, path: Path) -> Record:
        """Write the record and read it back."""
        with RecordWriter(path) as writer:
            for index, api in enumerate(self.apis):
                writer.add_class(call_class(api, f"grid:{index}"))
            for thread, events in self.threads.items():
                for event in events:
                    write_event(writer, thread, event)
        return read_record(path)


def write_event(writer: RecordWriter, thread: int, event: Event) -> None:
    if event.kind in ("submit", "block"):
        writer.submit_many(
            event.kind_of_task,
            [event.task],
            [0, len(event.listed)],
            event.listed,
            host_ns=event.host_ns,
            block=event.kind == "block",
            thread=thread,
        )
    elif event.kind == "wait":
        writer.wait(event.listed, host_ns=event.host_ns, thread=thread)
    elif event.kind == "wait_all":
        writer.wait(host_ns=event.host_ns, thread=thread)
    elif event.kind == "host":
        writer.host(event.number, thread=thread)
    elif event.kind == "spawn":
        writer.spawn(event.number, thread=thread)
    elif event.kind == "join":
        writer.join(event.number, thread=thread)
    else:
        writer.end(event.number, thread=thread)


def random_application(random: Random, n_tasks: int, apis: list[str]) -> Application:
    """Threads in one global order: every list names earlier tasks, a thread is spawned before it does anything."""
    n_threads = random.choice((1, 1, 2, 3))
    application = Application(apis, {thread: [] for thread in range(n_threads)})
    threads = application.threads
    shuffled = random.random() < 0.5
    ids = random.sample(range(n_tasks), n_tasks) if shuffled else list(range(n_tasks))
    started = {0}
    last: dict[int, int] = {}
    for place, task in enumerate(ids):
        thread = random.randrange(n_threads)
        if thread not in started:
            threads[random.choice(sorted(started))].append(Event("spawn", number=thread))
            started.add(thread)
        host = random.choice((0, 0, 0, random.randrange(1, 30)))
        earlier = ids[:place]
        after = tuple(random.sample(earlier, min(len(earlier), random.choice((0, 1, 1, 2, 3)))))
        consecutive = task == last.get(thread, -1) + 1
        kind = "block" if consecutive and random.random() < 0.2 else "submit"
        threads[thread].append(Event(kind, host, task, random.randrange(len(apis)), after))
        last[thread] = task
        if random.random() < 0.15:
            waited = tuple(random.sample(ids[: place + 1], random.randint(1, min(3, place + 1))))
            threads[thread].append(Event("wait", random.choice((0, 7)), listed=waited))
        if random.random() < 0.1:
            threads[thread].append(Event("wait_all"))
        if random.random() < 0.1:
            threads[thread].append(Event("host", number=random.randrange(0, 40)))
    if random.random() < 0.5:
        threads[0].append(Event("wait_all"))
    for thread in sorted(started - {0}):
        threads[thread].append(Event("end", number=0))
        if random.random() < 0.5:
            threads[0].append(Event("join", number=thread))
    threads[0].append(Event("end", number=random.randrange(3)))
    for thread in set(threads) - started:
        del threads[thread]
    return application
