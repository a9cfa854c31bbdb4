"""The home page: what is new, by day, how the sources are, and all feeds."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from feeds.health_line import health_line
from feeds.html import render_index
from feeds.site import LATEST_ON_INDEX
from procurewatch.web.answering import answer, page_of
from procurewatch.web.room import Room, latest
from storage.health import health_of
from storage.query import Query
from storage.searching import find_events


def router(room: Room) -> APIRouter:
    """Return the routes of the home page."""
    routes = APIRouter()

    @routes.api_route("/", methods=["GET", "HEAD"])
    @routes.api_route("/index.html", methods=["GET", "HEAD"])
    def home(request: Request) -> Response:
        frame = room.frame()
        with room.desk.database.reading() as session:
            newest = latest(find_events(session, Query(), LATEST_ON_INDEX), frame)
            health = [health_of(session, source.name) for source in room.desk.sources]
        line = health_line(health, room.desk.source_titles)
        page = render_index(frame, room.site.feeds(), newest, today=room.today, health=line)
        return answer(request, page_of(page))

    return routes
