"""Which tests each of several processes begins with: those that take long or wait."""

LONG = {"slurm": 60, "ray": 40, "joblib": 20, "submitit": 20, "slow": 20}  # seconds, about, of a test with that mark


def dealt(items, processes):
    """Order tests so that each of the equal parts in which xdist hands them out begins with a share of the long ones.

    Those of one file stay together: they share what they train.
    """
    files, others = {}, []
    for item in items:
        seconds = max((LONG.get(mark.name, 0) for mark in item.iter_markers()), default=0)
        (files.setdefault(item.path, []) if seconds else others).append((seconds, item))
    heads, loads = [[] for _ in range(processes)], [0] * processes
    for tests in sorted(files.values(), key=lambda tests: -sum(seconds for seconds, _ in tests)):
        least = loads.index(min(loads))
        heads[least] += tests
        loads[least] += sum(seconds for seconds, _ in tests)
    order = []
    for number, head in enumerate(heads):
        count = max(0, (len(items) - len(order)) // (processes - number) - len(head))
        order += head + others[:count]
        del others[:count]
    return [item for _, item in order + others]
