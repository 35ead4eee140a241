internal import CSystem

/// Whether the real, effective and saved user of this process are that one (getresuid(2)).
package func isUser(_ user: UInt32) -> Bool {
  var (real, effective, saved): (uid_t, uid_t, uid_t) = (0, 0, 0)
  return getresuid(&real, &effective, &saved) == 0 && real == user && effective == user
    && saved == user
}

/// The same of its groups, the supplementary ones aside (getresgid(2)).
package func isGroup(_ group: UInt32) -> Bool {
  var (real, effective, saved): (gid_t, gid_t, gid_t) = (0, 0, 0)
  return getresgid(&real, &effective, &saved) == 0 && real == group && effective == group
    && saved == group
}
