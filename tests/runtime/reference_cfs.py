"""One core under Linux' fair scheduler, as slow and plain as it can be: what `linux-cfs` computes in closed form.

Every poll of an idle worker, every iteration of the daemon's loop and every tick is an event of its own. A thread is a
generator that yields what it does next: run for a time, give way, or sleep until it is woken. Nothing here comes from
the engine. The rules are those of the kernel's kernel/sched/fair.c (place_entity, check_preempt_tick,
check_preempt_wakeup, yield_task_fair, pick_next_entity), all threads of the same weight.

All threads and workers are on one core, the daemon on another; each class of task has one PE that takes it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

GIVE_WAY, SLEEP = -1, -2
Body = Generator[int]
"""Yields ns of work, GIVE_WAY or SLEEP."""


@dataclass(eq=False)
class Thread:
    """A thread of the core. vruntime_ns means nothing before it was first placed on the core."""

    body: Body
    vruntime_ns: int = 0
    placed: bool = False
    left_ns: int = 0
    picked_ns: int = 0


@dataclass(eq=False)
class Task:
    """A task of a run. waiter: the thread that sleeps until it is over."""

    instance: int
    pe: int
    cost_ns: int
    waiter: Thread | None = None
    over: bool = False
    visible_ns: int = 0
    times_ns: list[int] = field(default_factory=list)
    """Ready, start, end."""


@dataclass(frozen=True)
class Call:
    """A step of an application: its own work, then a call to a PE; pe -1: none. block: it waits for its end."""

    work_ns: int
    pe: int
    cost_ns: int
    block: bool = True


class Core:
    """figures: those of the model, in ns. n_workers: on this core."""

    def __init__(self, figures: Mapping[str, int], n_workers: int, task_ns: int, pair_ns: int) -> None:
        self.figures, self.task_ns, self.pair_ns = figures, task_ns, pair_ns
        self.now = 0
        self.min_vruntime_ns = 0
        self.current: Thread | None = None
        self.must_pick = False
        self.ready: list[Task] = []
        self.queues: list[list[Task]] = [[] for _ in range(n_workers)]
        self.tasks: list[Task] = []
        self.finish_ns: dict[int, int] = {}
        self.runnable = [Thread(self._worker(pe), placed=True) for pe in range(n_workers)]
        for worker in self.runnable:
            worker.left_ns = next(worker.body)

    def run(self, arrivals: list[tuple[int, list[Call]]]) -> None:
        """arrivals: time and application of each instance, in order of time."""
        f = self.figures
        waiting = list(enumerate(arrivals))
        daemon_ns, tick_ns = 0, f["tick"]
        self._pick()
        while len(self.finish_ns) < len(arrivals):
            times = [daemon_ns, tick_ns]
            if self.current:
                times.append(self.now + self.current.left_ns)
            then = min(times)
            if self.current:
                self.current.vruntime_ns += then - self.now
                self.current.left_ns -= then - self.now
            self.now = then
            self._floor()
            if self.current and self.current.left_ns == 0:
                self._go_on(self.current)
            elif self.now == daemon_ns:
                while waiting and waiting[0][1][0] <= self.now:
                    number, (_, calls) = waiting.pop(0)
                    self._wake(Thread(self._application(number, calls)))
                spent = len(self.ready) * (self.task_ns + self.pair_ns * len(self.queues))
                for task in self.ready:
                    task.visible_ns = self.now + spent
                    self.queues[task.pe].append(task)
                self.ready = []
                daemon_ns = self.now + spent + f["daemon_loop"]
            else:
                self._tick()
                tick_ns += f["tick"]
            if self.must_pick:
                self._pick()

    def _worker(self, pe: int) -> Body:
        queue = self.queues[pe]
        while True:
            yield self.figures["poll"]
            while queue and queue[0].visible_ns <= self.now:
                task = queue.pop(0)
                task.times_ns.append(self.now)
                yield task.cost_ns
                if task.waiter:
                    yield self.figures["signal"]
                task.times_ns.append(self.now)
                task.over = True
                if task.waiter:
                    self._wake(task.waiter)
            yield GIVE_WAY

    def _application(self, number: int, calls: list[Call]) -> Body:
        own: list[Task] = []
        for call in calls:
            if call.work_ns:
                yield call.work_ns
            if call.pe < 0:
                continue
            yield self.figures["enqueue"]
            task = Task(number, call.pe, call.cost_ns, times_ns=[self.now])
            own.append(task)
            self.tasks.append(task)
            self.ready.append(task)
            if call.block:
                task.waiter = self.current
                yield SLEEP
        for task in own:
            if not task.over:
                task.waiter = self.current
                yield SLEEP
        self.finish_ns[number] = self.now

    def _floor(self) -> None:
        if self.runnable:
            self.min_vruntime_ns = max(self.min_vruntime_ns, min(thread.vruntime_ns for thread in self.runnable))

    def _slice(self, n: int) -> int:
        f = self.figures
        return f["latency"] // n if n <= f["latency"] // f["min_granularity"] else f["min_granularity"]

    def _go_on(self, thread: Thread) -> None:
        """A thread has done what it was at: what now?"""
        wish = next(thread.body, SLEEP)
        if wish == SLEEP:
            self.runnable.remove(thread)
            self._floor()
            self.current = None
            self.must_pick = True
        elif wish == GIVE_WAY:
            self._give_way(thread)
            thread.left_ns = next(thread.body)
        else:
            thread.left_ns = wish

    def _give_way(self, thread: Thread) -> None:
        ranked = sorted(self.runnable, key=lambda other: other.vruntime_ns)
        first = ranked[0]
        close = [other for other in ranked[1:] if other.vruntime_ns - first.vruntime_ns <= self.figures["yield_skip"]]
        if first is thread and close:
            first = close[0]
        self._switch(first)

    def _pick(self) -> None:
        self.must_pick = False
        if self.runnable:
            self._switch(min(self.runnable, key=lambda other: other.vruntime_ns))

    def _switch(self, thread: Thread) -> None:
        if thread is not self.current:
            self.current = thread
            thread.picked_ns = self.now

    def _tick(self) -> None:
        current = self.current
        if current is None or len(self.runnable) < 2:
            return
        ran = self.now - current.picked_ns
        slice_ns = self._slice(len(self.runnable))
        least = min(thread.vruntime_ns for thread in self.runnable if thread is not current)
        ahead = current.vruntime_ns - least
        if ran > slice_ns or (ran >= self.figures["min_granularity"] and ahead > slice_ns):
            self.must_pick = True

    def _wake(self, thread: Thread) -> None:
        if not thread.placed:
            thread.placed = True
            debit = self._slice(len(self.runnable) + 1) * self.figures["start_debit"] // 1000
            thread.vruntime_ns = self.min_vruntime_ns + debit
        else:
            thread.vruntime_ns = max(thread.vruntime_ns, self.min_vruntime_ns - self.figures["sleeper_credit"])
        self.runnable.append(thread)
        if self.current is None or self.current.vruntime_ns - thread.vruntime_ns > self.figures["wakeup_granularity"]:
            self.must_pick = True
