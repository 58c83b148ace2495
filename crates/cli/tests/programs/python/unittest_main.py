import io
import sys
import unittest


class Arithmetic(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(sum([1, 2]), 3)


print("running")
unittest.main(argv=["x"], exit=False, testRunner=unittest.TextTestRunner(io.StringIO()))
