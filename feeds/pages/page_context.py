"""What stands around every page: the site's name, how far its root is, and whether a program serves it."""

from __future__ import annotations

from dataclasses import dataclass

from feeds import urls
from feeds.entries.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """`depth` is the number of folders a page is in. `served` pages can search and review; files on a disk cannot.

    `csrf` is what a reviewer's forms must send back, "" when nobody is signed in.
    """

    site: str = "Procurewatch"
    depth: int = 0
    served: bool = False
    reviewer: str = ""
    csrf: str = ""
    base_url: str = ""

    @property
    def root(self) -> str:
        """The way from the page to the root of the site."""
        return "../" * self.depth

    def address(self, path: str) -> str:
        """Return the absolute URL of a path of the site, "" if the site's address is not known."""
        return urls.site_url(self.base_url, path) if self.base_url else ""

    def render(self, template: str, **context: object) -> bytes:
        """Return a page: a template of `feeds/templates/` with this around it."""
        return render(
            template,
            context=self,
            site=self.site,
            root=self.root,
            urls=urls,
            **context,
        ).encode()
