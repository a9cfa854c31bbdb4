"""The Model Context Protocol server: tools with which a language model reads the stored records. See docs/mcp.md.

Only `server` and `command` know the protocol's library, which is an optional dependency.
"""
