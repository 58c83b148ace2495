class Registry(type):
    known = {}

    def __new__(meta, name, bases, members, **options):
        made = super().__new__(meta, name, bases, members)
        if options.get("register", True):
            meta.known[name.lower()] = made
        return made

    def __init__(cls, name, bases, members, **options):
        super().__init__(name, bases, members)


class Plugin(metaclass=Registry, register=False):
    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        cls.order = len(Registry.known)

    def run(self):
        raise NotImplementedError


class Upper(Plugin):
    def run(self, text):
        return text.upper()


class Reverse(Plugin):
    def run(self, text):
        return text[::-1]


text = "stream"
for name, plugin in Registry.known.items():
    text = plugin().run(text)
    print(name, plugin.order, text)


class Positive:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.name[1:]} must be positive")
        setattr(instance, self.name, value)


class Box:
    __slots__ = ("_width",)
    width = Positive()

    def __init__(self, width):
        self.width = width


print(Box(3).width)
try:
    Box(-1)
except ValueError as error:
    print(error)
