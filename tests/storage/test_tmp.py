import time
import pytest, socket
from sqlalchemy import text
@pytest.mark.parametrize("n", range(6))
def test_a(database,n):
    with database.reading() as s:
        if database.engine.dialect.name=="postgresql":
            print(s.scalar(text("select version()")), s.execute(text("select datcollate,datlocprovider from pg_database")).all(), s.execute(text("select collprovider,count(*) from pg_collation group by 1")).all())
def test_net():
    socket.create_connection(("example.com",443))
def test_net2():
    socket.create_connection(("10.0.0.1",443))
