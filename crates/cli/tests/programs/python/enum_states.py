from enum import Enum, Flag, IntEnum, auto


class State(Enum):
    DRAFT = "draft"
    REVIEW = "review"
    DONE = "done"

    @property
    def next(self):
        order = list(State)
        return order[min(order.index(self) + 1, len(order) - 1)]


class Priority(IntEnum):
    LOW = 1
    HIGH = 10


class Permission(Flag):
    READ = auto()
    WRITE = auto()
    EXECUTE = auto()


state = State.DRAFT
while state is not State.DONE:
    print(state, "->", state.next)
    state = state.next
print(repr(State("review")), State["DONE"].value)
print(Priority.HIGH > Priority.LOW, Priority.HIGH + 1, max(Priority).name)
mine = Permission.READ | Permission.WRITE
print(mine, Permission.EXECUTE in mine, Permission.READ in mine)
try:
    State("gone")
except ValueError as error:
    print(error)
