"""The list of cases. A case is a function of a Stage; its name is what a report and --only speak of."""

CASES = []


class Case:
    def __init__(self, name, about, play, group=None, own_broker=False):
        self.name, self.about, self.play, self.own_broker = name, about, play, own_broker
        self.group = group or name.split(".")[0]


def add(name, about, play, **options):
    if any(known.name == name for known in CASES):
        raise ValueError(f"two cases are called {name}")
    CASES.append(Case(name, about, play, **options))


def case(name, about, **options):
    """Registers the function below it. Its group is the first word of the name where none is given."""

    def register(play):
        add(name, about, play, **options)
        return play

    return register
