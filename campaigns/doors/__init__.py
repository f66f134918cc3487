"""The public doors: nobody signs in here, the address itself says whose it is (security.md).

Each finds the org before its context can open: in a signed name, or in a table of tokens. A name that does not fit is
answered as if it never was.
"""
