"""What commands print with: consoles, tables, bars, options that several share."""
