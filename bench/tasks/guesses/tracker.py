"""An MCP server that says what its tools take and not what they give, as most servers do.

Its results have the names that issue trackers, chats and registries use. `python3 -I tracker.py`
"""

import json
import sys

ISSUES = [
    {
        "id": 9100 + n,
        "number": n,
        "title": title,
        "state": state,
        "user": {"login": login, "html_url": f"https://tracker.example/{login}"},
        "labels": [{"name": label, "color": "d73a4a"} for label in labels],
        "comments": comments,
        "created_at": f"2026-03-{n:02}T09:00:00Z",
        "closed_at": f"2026-04-{n:02}T09:00:00Z" if state == "closed" else None,
        "html_url": f"https://tracker.example/shop/issues/{n}",
    }
    for n, title, state, login, labels, comments in [
        (1, "Crash on empty input", "open", "hana", ["bug"], 4),
        (2, "Slow start", "closed", "ivo", ["bug", "speed"], 1),
        (3, "Dark theme", "open", "hana", ["wish"], 7),
        (4, "Typo in the manual", "open", "mira", [], 0),
    ]
]

# What each tool gives, by name: description, parameters, result.
TOOLS = {
    "list_issues": (
        "List the issues of a repository.",
        {"repo": "string"},
        lambda repo: ISSUES,
    ),
    "search_tickets": (
        "Search tickets by a phrase.",
        {"phrase": "string"},
        lambda phrase: {
            "startAt": 0,
            "total": 2,
            "issues": [
                {
                    "key": f"SHOP-{n}",
                    "fields": {
                        "summary": summary,
                        "status": {"name": status},
                        "assignee": {"displayName": name, "emailAddress": f"{name.lower()}@shop.example"},
                    },
                }
                for n, summary, status, name in [
                    (7, "Refund is lost", "Open", "Mira"),
                    (9, "Basket forgets items", "Done", "Ivo"),
                ]
            ],
        },
    ),
    "channel_history": (
        "Read the latest messages of a chat channel.",
        {"channel": "string"},
        lambda channel: {
            "ok": True,
            "messages": [
                {"type": "message", "user": "U1", "text": "deploy at noon", "ts": "1772366400.000100"},
                {"type": "message", "user": "U2", "text": "done", "ts": "1772370000.000200"},
            ],
            "has_more": False,
        },
    ),
    "package_info": (
        "Show a package of the registry.",
        {"package": "string"},
        lambda package: {
            "name": package,
            "dist-tags": {"latest": "2.4.1"},
            "latest_version": "2.4.1",
            "license": "MIT",
            "weekly_downloads": 5120,
            "maintainers": [{"name": "hana", "email": "hana@shop.example"}],
        },
    ),
    "weather": (
        "Weather of a city now.",
        {"city": "string"},
        lambda city: {
            "location": {"name": city, "country": "Japan"},
            "current": {"temp_c": 21.5, "humidity": 40, "condition": {"text": "Sunny"}},
        },
    ),
    "list_builds": (
        "List the builds of a project.",
        {"project": "string"},
        lambda project: {
            "count": 3,
            "value": [
                {"id": 31, "result": "succeeded", "finishTime": "2026-03-01T10:00:00Z"},
                {"id": 32, "result": "failed", "finishTime": "2026-03-02T10:00:00Z"},
                {"id": 33, "result": "succeeded", "finishTime": "2026-03-03T10:00:00Z"},
            ],
        },
    ),
    "hours_by_person": (
        "Hours that each person has booked.",
        {"month": "string"},
        lambda month: {"hana": 31, "ivo": 12, "mira": 24},
    ),
    "get_page": (
        "Read a page of the wiki.",
        {"title": "string"},
        lambda title: f"# {title}\n\nOwner: hana\n",
    ),
    "run_query": (
        "Run a query against the warehouse.",
        {"sql": "string"},
        lambda sql: {
            "columns": ["city", "orders"],
            "rows": [["Tokyo", 12], ["Lyon", 7]],
            "rowCount": 2,
        },
    ),
}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": params.get("protocolVersion", "2025-06-18"),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "tracker", "version": "1"},
        }
    if method == "tools/list":
        return {
            "tools": [
                {
                    "name": name,
                    "description": description,
                    "annotations": {"readOnlyHint": True},
                    "inputSchema": {
                        "type": "object",
                        "properties": {key: {"type": kind} for key, kind in parameters.items()},
                        "required": list(parameters),
                    },
                }
                for name, (description, parameters, _) in TOOLS.items()
            ]
        }
    if method == "tools/call":
        result = TOOLS[params["name"]][2](**params["arguments"])
        text = result if isinstance(result, str) else json.dumps(result)
        return {"content": [{"type": "text", "text": text}]}
    if method == "ping":
        return {}
    return None


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request or "method" not in request:
        continue
    result = answer(request["method"], request.get("params") or {})
    reply = {"jsonrpc": "2.0", "id": request["id"]}
    if result is None:
        reply["error"] = {"code": -32601, "message": "no such method"}
    else:
        reply["result"] = result
    print(json.dumps(reply), flush=True)
