"""The `ideal` model once more, as slow and plain as it can be: what the engine has to agree with, event for event.

An application thread is a generator that submits by calling, and yields what it waits for. Nothing here comes from the
engine or from the reader of records.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from tests.runtime.applications import Application, Event
from tests.runtime.reference_schedulers import Decide, Estimates

Wish = tuple[str, int]  # ("sleep", ns), ("task", id), ("thread", number)


@dataclass
class Task:
    number: int
    kind: int
    instance: Instance
    unmet: set[int]
    ready_ns: int = -1


@dataclass
class Thread:
    number: int
    body: Generator[Wish]
    instance: Instance
    waits_for: Wish | None = None
    ended: bool = False


@dataclass(eq=False)
class Instance:
    number: int
    application: Application
    submitted: dict[int, Task] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)
    threads: dict[int, Thread] = field(default_factory=dict)
    end_ns: int = -1


@dataclass(frozen=True)
class Row:
    instance: int
    task: int
    pe: int
    ready_ns: int
    start_ns: int
    end_ns: int


class Simulator:
    """pes: the type of each PE. costs[class][type], None: not offered; classes count per application."""

    def __init__(self, pes: list[int], costs: Estimates, decide: Decide, class_bases: list[int]) -> None:
        self.pes, self.costs, self.decide, self.class_bases = pes, costs, decide, class_bases
        self.now = 0
        self.ready: list[Task] = []
        self.queues: list[list[Task]] = [[] for _ in pes]
        self.running: list[tuple[int, int, int, Task]] = []  # end, number of the start, PE, task
        self.timers: list[tuple[int, int, Thread]] = []  # time, number of the timer, thread
        self.able: list[Thread] = []
        self.n_timers = 0
        self.rows: list[Row] = []
        self.instances: list[Instance] = []

    def run(self, arrivals: list[tuple[int, int, Application]]) -> list[Row]:
        """arrivals: (time, place of the application, application), in order of time."""
        places = [place for _, place, _ in arrivals]
        self.places = places
        waiting = [(time, Instance(number, application)) for number, (time, _, application) in enumerate(arrivals)]
        self.instances = [instance for _, instance in waiting]
        while waiting or self.running or self.timers:
            times = (
                [time for time, _ in waiting] + [end for end, *_ in self.running] + [time for time, *_ in self.timers]
            )
            self.now = min(times)
            while self._event(waiting):
                pass
            if self.ready:
                self._round()
            self._start()
        return self.rows

    def _event(self, waiting: list[tuple[int, Instance]]) -> bool:
        """Take the next event of this time; False if there is none."""
        completions = [item for item in self.running if item[0] == self.now]
        timers = [item for item in self.timers if item[0] == self.now]
        if completions:
            first = min(completions, key=lambda item: item[1])
            self.running.remove(first)
            self._over(first[3])
        elif waiting and waiting[0][0] == self.now:
            instance = waiting.pop(0)[1]
            spawned = {
                e.number for events in instance.application.threads.values() for e in events if e.kind == "spawn"
            }
            for number in instance.application.threads:
                if number not in spawned:
                    self._spawn(instance, number)
        elif timers:
            timer = min(timers, key=lambda item: item[1])
            self.timers.remove(timer)
            self.able.append(timer[2])
        elif self.able:
            self._go_on(self.able.pop(0))
        else:
            return False
        return True

    def _spawn(self, instance: Instance, number: int) -> None:
        if number not in instance.threads:
            body = self._body(instance, number, instance.application.threads[number])
            thread = instance.threads[number] = Thread(number, body, instance)
            self.able.append(thread)

    def _go_on(self, thread: Thread) -> None:
        try:
            thread.waits_for = next(thread.body)
        except StopIteration:
            thread.ended = True
            for other in thread.instance.threads.values():
                if other.waits_for == ("thread", thread.number):
                    other.waits_for = None
                    self.able.append(other)
            self._end(thread.instance)
            return
        if thread.waits_for[0] == "sleep":
            self.timers.append((self.now + thread.waits_for[1], self.n_timers, thread))
            self.n_timers += 1
            thread.waits_for = None

    def _body(self, instance: Instance, number: int, events: list[Event]) -> Generator[Wish]:
        own: list[int] = []
        for event in events:
            if event.host_ns:
                yield "sleep", event.host_ns
            if event.kind in ("submit", "block"):
                own.append(event.task)
                unmet = set(event.listed) - instance.over
                task = Task(event.task, event.kind_of_task, instance, unmet)
                instance.submitted[event.task] = task
                if not unmet:
                    self._released(task)
            if event.kind == "host":
                yield "sleep", event.number
            if event.kind == "spawn":
                self._spawn(instance, event.number)
            awaited = {"block": (event.task,), "wait": event.listed, "wait_all": tuple(own)}.get(event.kind, ())
            for other in awaited:
                if other not in instance.over:
                    yield "task", other
            if event.kind == "join" and not (event.number in instance.threads and instance.threads[event.number].ended):
                yield "thread", event.number

    def _released(self, task: Task) -> None:
        if task.instance.application.apis[task.kind] == "join":
            self._over(task)
        else:
            task.ready_ns = self.now
            self.ready.append(task)

    def _over(self, task: Task) -> None:
        """A task is over, and then all joins that this releases, first come first served."""
        over = [task]
        instance = task.instance
        while over:
            task = over.pop(0)
            instance.over.add(task.number)
            for other in sorted(instance.submitted.values(), key=lambda other: other.number):
                if task.number in other.unmet:
                    other.unmet.discard(task.number)
                    if not other.unmet:
                        if instance.application.apis[other.kind] == "join":
                            over.append(other)
                        else:
                            self._released(other)
            for _, thread in sorted(instance.threads.items()):
                if thread.waits_for == ("task", task.number):
                    thread.waits_for = None
                    self.able.append(thread)
        self._end(instance)

    def _end(self, instance: Instance) -> None:
        if all(thread.ended for thread in instance.threads.values()) and len(instance.submitted) == len(instance.over):
            instance.end_ns = self.now

    def _class(self, task: Task) -> int:
        return self.class_bases[self.places[task.instance.number]] + task.kind

    def _round(self) -> None:
        kinds = [self._class(task) for task in self.ready]
        for position, pe in self.decide(kinds, self.now):
            self.queues[pe].append(self.ready[position])
        self.ready = []

    def _start(self) -> None:
        busy = {pe for _, _, pe, _ in self.running}
        for pe, queue in enumerate(self.queues):
            if queue and pe not in busy:
                task = queue.pop(0)
                cost = self.costs[self._class(task)][self.pes[pe]]
                assert cost is not None
                end = self.now + cost
                self.running.append((end, len(self.rows), pe, task))
                self.rows.append(Row(task.instance.number, task.number, pe, task.ready_ns, self.now, end))
