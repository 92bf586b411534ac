"""Where rows live: the only room that knows SQL and `databases`."""
