import heapq

tasks = [(5, "write"), (1, "read"), (3, "plan"), (1, "ask")]
heapq.heapify(tasks)
heapq.heappush(tasks, (2, "think"))
while tasks:
    priority, name = heapq.heappop(tasks)
    print(priority, name)
print(heapq.nlargest(3, range(100), key=lambda n: n % 37))
print(list(heapq.merge([1, 4, 9], [2, 3, 10], [0])))


def dijkstra(graph, start):
    distance = {start: 0}
    queue = [(0, start)]
    while queue:
        so_far, node = heapq.heappop(queue)
        if so_far > distance[node]:
            continue
        for neighbour, weight in graph[node].items():
            candidate = so_far + weight
            if candidate < distance.get(neighbour, float("inf")):
                distance[neighbour] = candidate
                heapq.heappush(queue, (candidate, neighbour))
    return distance


graph = {"A": {"B": 7, "C": 3}, "B": {"D": 2}, "C": {"B": 1, "D": 8}, "D": {}}
print(dijkstra(graph, "A"))
