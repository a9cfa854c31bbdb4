"""Context shared by all page templates: site title, relative path to the root, static or served."""

from __future__ import annotations

from dataclasses import dataclass

from feeds import urls
from feeds.entries.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """`depth` is the number of folders in the page's path. `served`: a server answers, so pages offer queries, exports
    and review; static files do not. `has_search`: the site has a search page. `folder` is the path of the site on its
    host, for a page that is shown at any depth.

    `reviewer` and `csrf`, the token of the reviewer's forms, are "" unless a reviewer is signed in. `base_url` is the
    site's URL, "" if it is not known. `has_alerts`: somebody may sign in and add alerts.
    """

    site: str = "Procurewatch"
    depth: int = 0
    served: bool = False
    has_search: bool = False
    folder: str = ""
    reviewer: str = ""
    csrf: str = ""
    base_url: str = ""
    has_alerts: bool = False

    @property
    def root(self) -> str:
        """The path from the page to the root of the site: relative, unless `folder` says where that is."""
        return self.folder or "../" * self.depth

    def address(self, path: str) -> str:
        """Return the absolute URL of a path of the site, "" if the site's address is not known."""
        return urls.site_url(self.base_url, path) if self.base_url else ""

    def render(self, template: str, **context: object) -> bytes:
        """Return a template of `feeds/templates/` filled in."""
        return render(
            template,
            context=self,
            site=self.site,
            root=self.root,
            urls=urls,
            **context,
        ).encode()
