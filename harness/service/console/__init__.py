"""The editors' console: pages that show what waits, forms that prepare acts. Only a passkey signs: a session decides nothing."""
