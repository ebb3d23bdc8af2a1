"""Packages of Python alone that projects have: beautifulsoup4, PyYAML, requests, rich, attrs."""

import io
import json

import attrs
import requests
import yaml
from bs4 import BeautifulSoup
from js import URL, Response
from rich.console import Console
from rich.table import Table


@attrs.define(frozen=True)
class Point:
    x: int = attrs.field(converter=int)
    y: int = attrs.field(default=0, validator=attrs.validators.ge(0))


def soup():
    page = BeautifulSoup("<ul><li class=a>one</li><li>two &amp; more</ul>", "html.parser")
    return [(item.get("class"), item.text.strip()) for item in page.select("ul li")]


def table():
    table = Table("name", "count", title="stock")
    table.add_row("tea", "[bold]4[/bold]")
    printed = io.StringIO()
    Console(file=printed, width=30).print(table)
    return printed.getvalue()


def prepare():
    request = requests.Request("POST", "https://example.com/a b", params={"q": "ü"}, json={"a": 1}).prepare()
    return [request.url, request.headers["content-type"], request.body.decode()]


def point():
    try:
        Point("1", -1)
    except ValueError as error:
        return [attrs.asdict(Point("3")), str(error).split(":")[0]]


def load():
    return yaml.safe_dump(yaml.safe_load("a: [1, 2.5, 2026-01-02]\nb: &x {c: !!str 4}\nd: *x"))


def again():
    import rich.markdown

    printed = io.StringIO()
    Console(file=printed, width=20).print(rich.markdown.Markdown("# Title\n* one"))
    return printed.getvalue()


async def on_fetch(request):
    answer = globals()[URL.new(request.url).pathname[1:]]()
    return Response.new(answer if isinstance(answer, str) else json.dumps(answer))
