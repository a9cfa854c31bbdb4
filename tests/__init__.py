"""A regular package, because a library (Flask-WebSub) installs one of the same name, which would hide a folder."""
