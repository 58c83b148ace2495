import io
import unittest


def slug(text):
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


class SlugTest(unittest.TestCase):
    def setUp(self):
        self.cases = {"Hello, World!": "hello-world", "  a  b ": "a-b", "": ""}

    def test_cases(self):
        for text, expected in self.cases.items():
            with self.subTest(text=text):
                self.assertEqual(slug(text), expected)

    def test_type(self):
        with self.assertRaises(AttributeError):
            slug(None)

    @unittest.skip("later")
    def test_skipped(self):
        self.fail()

    def test_wrong(self):
        self.assertEqual(slug("a_b"), "a_b")


suite = unittest.defaultTestLoader.loadTestsFromTestCase(SlugTest)
result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
print(result.testsRun, len(result.failures), len(result.skipped), result.wasSuccessful())
print(result.failures[0][1].strip().splitlines()[-1])
