"""Where records come from: one module per upstream; nothing else knows an upstream's field names."""
