import os

# pygame greets on stdout when it is imported, which belongs to us.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
