import sqlite3
from pathlib import Path

from js import Response

DATABASE = Path(__file__).with_name("words.db")


def words(place, **options):
    with sqlite3.connect(place, **options) as connection:
        return [word for (word,) in connection.execute("select word from words order by word")]


def added():
    with sqlite3.connect(DATABASE) as connection:
        try:
            return connection.execute("insert into words values ('three')")
        except sqlite3.OperationalError as error:
            return error


async def on_fetch(request, env, ctx):
    return Response.new(f"{words(DATABASE)}\n{words(f'file:{DATABASE}?mode=ro', uri=True)}\n{added()}\n")
