import os

here = os.path.dirname(os.path.abspath(__file__))
print(os.path.isabs(here))
