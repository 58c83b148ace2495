import xml.etree.ElementTree as ET

feed = ET.fromstring("""<?xml version="1.0"?>
<rss version="2.0"><channel><title>News</title>
<item id="1"><title>A &amp; B</title><category>x</category><category>y</category></item>
<item id="2"><title>Üben</title></item></channel></rss>""")
for item in feed.iter("item"):
    print(item.get("id"), item.findtext("title"), [c.text for c in item.findall("category")])
root = ET.Element("report", date="2024-01-01")
ET.SubElement(root, "count").text = "2"
ET.indent(root)
print(ET.tostring(root, encoding="unicode"))
