import sqlite3

database = sqlite3.connect(":memory:")
database.execute("create table numbers (number integer)")
database.executemany("insert into numbers values (?)", [(1,), (2,), (3,)])
print(*database.execute("select count(*) from numbers").fetchone(), "rows")
