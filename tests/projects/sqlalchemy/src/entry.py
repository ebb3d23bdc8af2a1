"""SQLAlchemy's core and ORM on SQLite in memory."""

from js import URL, Response
from sqlalchemy import ForeignKey, create_engine, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class Shop(Base):
    __tablename__ = "shops"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    items: Mapped[list["Item"]] = relationship(back_populates="shop")


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[float]
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    shop: Mapped[Shop] = relationship(back_populates="items")


engine = create_engine("sqlite://", poolclass=StaticPool)
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Shop(name="tea", items=[Item(price=2.5), Item(price=4)]))
    session.commit()


def core():
    with engine.connect() as connection:
        return connection.execute(select(func.count(), func.sum(Item.price)).select_from(Item)).one()


def orm():
    with Session(engine) as session:
        shop = session.scalars(select(Shop).where(Shop.name.like("t%"))).one()
        return shop.name, [item.price for item in shop.items]


def back():
    with engine.begin() as connection:
        try:
            connection.execute(insert(Item), [{"id": 1, "price": 1, "shop_id": 1}])
        except Exception as error:
            return type(error).__name__


def again():
    from sqlalchemy.dialects import postgresql

    return str(select(Item.id).limit(2).compile(dialect=postgresql.dialect())).replace("\n", "")


async def on_fetch(request):
    return Response.new(str(globals()[URL.new(request.url).pathname[1:]]()))
