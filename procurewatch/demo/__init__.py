"""The demo's awards: recorded responses of USAspending's API, read by the ordinary pipeline without any request."""
