"""The settings of a lock that its cloud may change (SPEC.md section 10). Loaded only while a lock is told."""

from protocol.shape import is_uint

REMOTE = (  # (name, lowest, highest); the first has number 1
    ("uplink_every_s", 10, 86_400),
    ("status_every_s", 10, 86_400),
    ("fix_every_s", 1, 3_600),
    ("hold_max_s", 0, 604_800),
    ("longest_max_s", 60, 2_678_400),
    ("advertise_ms", 100, 2_000),
    ("awake_s", 5, 3_600),
    ("stranger_s", 0, 3_600),
)


def encode(changes):
    """A command's arguments of {name: value}: numbers and values by turns, numbers rising. Raises ValueError."""
    args = []
    for number, (name, _, _) in enumerate(REMOTE, 1):
        if name in changes:
            args += [number, changes[name]]
    if len(args) != 2 * len(changes):
        raise ValueError("no such setting")
    decode(args)
    return args


def decode(args):
    """{name: value} of a command's arguments. Raises ValueError."""
    changes, last = {}, 0
    if not args or len(args) % 2:
        raise ValueError("numbers and values by turns")
    for i in range(0, len(args), 2):
        number, value = args[i], args[i + 1]
        if not is_uint(number) or not last < number <= len(REMOTE):
            raise ValueError("no such setting, or not in order")
        name, low, high = REMOTE[number - 1]
        if not is_uint(value) or not low <= value <= high:
            raise ValueError("%s is a whole number from %d to %d" % (name, low, high))
        changes[name], last = value, number
    return changes
