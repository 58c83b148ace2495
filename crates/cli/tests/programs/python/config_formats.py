import configparser
import html
import io
import shlex
import tomllib
import urllib.parse

config = configparser.ConfigParser()
config.read_string("""
[DEFAULT]
retries = 3
[server]
host = example.org
port = 8080
debug = yes
""")
print(config.sections(), config.getint("server", "port"), config["server"].getboolean("debug"))
print(config["server"]["retries"], config.get("server", "nothing", fallback="-"))
output = io.StringIO()
config.write(output)
print(output.getvalue().strip().splitlines()[-1])
print(tomllib.loads('a = 1\n[b]\nc = [1, 2]\nd = 2024-01-01'))
url = urllib.parse.urlsplit("https://u:p@example.org:8080/a%20b;x?q=1&q=2&e=#frag")
print(url.hostname, url.port, urllib.parse.unquote(url.path), urllib.parse.parse_qs(url.query))
print(urllib.parse.urlencode({"a": "x y", "b": ["1", "2"]}, doseq=True))
print(urllib.parse.urljoin("https://a.org/b/c", "../d?e"), urllib.parse.quote("ü/ "))
print(html.escape("<a href='x'>"), html.unescape("&lt;&eacute;&#39;"))
print(shlex.split("run --name 'a b' \"c\" d\\ e"), shlex.quote("it's"))
