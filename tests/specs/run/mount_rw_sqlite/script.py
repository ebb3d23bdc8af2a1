import os
import sqlite3

rows = "select number, word from words order by number"
with sqlite3.connect("/data/a.db") as database:
    database.execute("create table words (number integer primary key, word text)")
    database.executemany("insert into words (word) values (?)", [("one",), ("two",)])
database.close()
database = sqlite3.connect("/data/a.db")
print(database.execute(rows).fetchall(), sorted(os.listdir("/data")))

database.execute("insert into words (word) values ('three')")
database.rollback()
print(database.execute(rows).fetchall())
with database:
    for number in range(1999):
        database.execute("insert into words (word) values (?)", (str(number) * 100,))
checked = database.execute("pragma integrity_check").fetchone()[0]
print(checked, database.execute("select count(*) from words").fetchone()[0])

database.execute("begin immediate")
other = sqlite3.connect("/data/a.db", timeout=0)
try:
    other.execute("begin immediate")
except sqlite3.OperationalError as error:
    print("locked" if "locked" in str(error) else error)
