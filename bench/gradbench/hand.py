"""Hand tracking: how far the points of a posed hand are from those that were seen."""

from __future__ import annotations

from typing import Any

import numpy as np

FINGERS, JOINTS = 5, 3


class Hand:
    """A model of a hand, and what was seen of one.

    Parameters
    ----------
    data : dict
        Bones and vertices of the model; the points, and to which vertex or triangle
        each belongs.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        model = data["model"]
        self.parents: list[int] = model["parents"]
        self.relatives = np.array(model["base_relatives"])
        self.inverses = np.array(model["inverse_base_absolutes"])
        self.vertices = np.array(model["base_positions"]).T
        self.weights = np.array(model["weights"]).T
        self.mirror = np.array([[-1.0 if model["is_mirrored"] else 1.0], [1.0], [1.0]])
        self.points = np.array(data["points"]).T
        self.which = np.array(data["correspondences"])
        self.triangles = np.array(model["triangles"])

    def angles(self, theta: Any) -> Any:
        """Return the three angles of each bone; most are zero."""
        found, at = np.zeros((len(self.parents), 3)), 6
        for finger in range(FINGERS):
            for joint in range(JOINTS):
                bone, count = 2 + 4 * finger + joint, 1 if joint else 2
                found[bone, :count] = theta[at : at + count]
                at += count
        return found

    def posed(self, theta: Any) -> Any:
        """Return the vertices of the hand in a pose."""
        angles, absolutes = self.angles(theta), []
        found = np.zeros((3, self.vertices.shape[1]))
        for bone, parent in enumerate(self.parents):
            turn = np.eye(4)
            turn[:3, :3] = about_axes(angles[bone])
            absolute = self.relatives[bone] @ turn
            if parent != -1:
                absolute = absolutes[parent] @ absolute
            absolutes.append(absolute)
            moved = (absolute @ self.inverses[bone])[:3] @ self.vertices
            found = found + moved * self.weights[bone]
        return about(theta[:3]) @ (found * self.mirror) + theta[3:6, None]

    def of_vertices(self, theta: Any) -> Any:
        """Return how far each point is from its vertex."""
        return (self.points - self.posed(theta)[:, self.which]).T

    def of_triangles(self, theta: Any, us: Any) -> Any:
        """Return how far each point is from a place on its triangle."""
        a, b, c = np.moveaxis(self.posed(theta)[:, self.triangles[self.which]], 2, 0)
        u, v = us.T
        return (self.points - (u * a + v * b + (1.0 - u - v) * c)).T


def about_axes(angles: Any) -> Any:
    """Return a turn by angles about x, z and y."""
    (sx, sz, sy), (cx, cz, cy) = np.sin(angles), np.cos(angles)
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ y @ x


def about(axis: Any) -> Any:
    """Return a turn about an axis by its length: Rodrigues' formula."""
    angle = np.sqrt(np.sum(axis**2))
    x, y, z = axis / angle
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across
