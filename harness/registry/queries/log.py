"""The log as its pages give it away: lines, nodes of the tree, checkpoints. See `harness.registry.db.log`."""

from harness.registry.db.checkpoints import cosigned as cosigned
from harness.registry.db.checkpoints import newest_size as newest_size
from harness.registry.db.checkpoints import notes as notes
from harness.registry.db.log import hashes as hashes
from harness.registry.db.log import lines as lines
from harness.registry.db.log import lines_at as lines_at
