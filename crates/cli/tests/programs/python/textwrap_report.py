import string
import textwrap

text = """The sandbox is empty unless a program asks for something. It has no network and no
shell, and whatever it writes stays where it was written until the session ends."""
print(textwrap.fill(" ".join(text.split()), width=40, initial_indent="* ", subsequent_indent="  "))
print(textwrap.shorten(text, 30, placeholder="…"))
print(textwrap.dedent("""
    def f():
        return 1
""").strip())
print(textwrap.indent("a\nb", "> "))
mail = string.Template("Dear $name, you owe ${amount} EUR. $$")
print(mail.substitute(name="Ada", amount=3))
print(mail.safe_substitute(name="Ada"))
print(string.capwords("hello big world"), string.ascii_lowercase[:5], string.hexdigits)
