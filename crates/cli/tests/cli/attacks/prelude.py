import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
HERE = os.getcwd()
met = {}
def attempt(name, act):
    try:
        act()
        met[name] = "nothing"
    except OSError as error:
        met[name] = errno.errorcode.get(error.errno, type(error).__name__)
    except BaseException as error:
        met[name] = type(error).__name__
def call(number, *arguments):
    words = [ctypes.c_long(one) if isinstance(one, int) else ctypes.create_string_buffer(bytes(one)) if isinstance(one, list)
             else ctypes.c_char_p(one.encode()) for one in arguments]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result
