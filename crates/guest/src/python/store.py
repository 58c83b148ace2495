"""Values that programs of a session store for later ones."""


class NotStored(ToolError, KeyError):
    """Nothing is stored under a key. Programs catch it as what a dict would raise, too."""

    __str__ = Exception.__str__


NotStored.__name__ = "KeyError"


def put(key, value):
    try:
        tools.store(key=key, value=value)
    except (TypeError, ValueError) as error:
        error.args = (str(error).replace(": args.value", ": value", 1),)
        raise


def keys():
    return tools.store(wants="keys")


def delete(key):
    return tools.store(wants="delete", key=key)


def get(key, otherwise):
    if otherwise:
        found = tools.load(wants="if_stored", key=key)
        return found[0] if found else otherwise[0]
    try:
        return tools.load(key=key)
    except ToolError as error:
        if not error.message.startswith("nothing is stored under"):
            raise
        raise NotStored(error.message, error.code, error.tool) from None
