from unittest.mock import MagicMock, Mock, call, patch


class Client:
    def get(self, path):
        raise RuntimeError("no network")


def names(client):
    return [client.get(f"/users/{n}")["name"] for n in (1, 2)]


client = Mock(spec=Client)
client.get.side_effect = [{"name": "Ada"}, {"name": "Bob"}]
print(names(client))
print(client.get.call_args_list == [call("/users/1"), call("/users/2")], client.get.call_count)
with patch.object(Client, "get", return_value={"name": "Eve"}):
    print(names(Client()))
magic = MagicMock()
magic.__len__.return_value = 7
print(len(magic))
try:
    client.post
except AttributeError as error:
    print(error)
