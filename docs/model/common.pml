/* common.pml - file system, tokens, crashes, expiry; shared by both models.
 *
 * An "inode" is a claim file; inode number == its unique token (1..NID).
 * Names:   L        the lock name                      (0 = absent)
 *          T[t]     tombstone / retire name of token t (0 = absent)
 *          X[t]     private exit name of token t: 0 absent, DIR = a directory
 *                   (somebody has fenced t), else the inode moved there
 *          arm[t]   private second link of claim t (take-over variant only)
 * Every d_step is one system call, or one read of one name (open+fstat+read of
 * one fd is one snapshot).  A process' whole state is in the arrays below.
 *
 * Tokens are unique in reality.  A token that no name and no variable refers to
 * is indistinguishable from one never used, so such ids are recycled: runs are
 * unbounded, the state space is finite.  After every step canon() (C code)
 * renames the tokens in order of first appearance, and, unless -DNOSYM, picks
 * the smallest permutation of the identical processes: pure symmetry reduction.
 * -DNOCANON turns both off (readable counterexamples; cross check).
 */
#ifndef NP
#define NP 3                 /* cooperating processes */
#endif
#ifndef NF
#define NF 0                 /* flufl.lock-like processes (indices NP..NP+NF-1) */
#endif
#define NT (NP+NF)
#ifndef NID
#define NID 8
#endif
#ifndef MAXCRASH
#define MAXCRASH 255         /* 255 = unbounded */
#endif
#ifndef MAXEXP
#define MAXEXP 255
#endif
#ifndef MAXFORCE
#define MAXFORCE 0
#endif
#define DIR 31

byte L;
byte T[NID+1];
byte X[NID+1];
byte arm[NID+1];
byte dead[NID+1];            /* owner of the inode is dead or has abandoned it (stable) */
byte ex[NID+1];              /* mtime: 0 fresh, 1 expired on the owner's clock, 2 expired for all */

byte pc[NT];
byte md[NT];                 /* mode: why p wants the retire right */
byte x[NT];                  /* claim with which p owns (or thinks it owns) L */
byte w[NT];                  /* claim with which p holds / wants a retire right */
byte h[NT];                  /* head: the inode p wants to retire from L */
byte m[NT]; byte n[NT];      /* chain cursors */
#ifndef CHD
#define CHD 4                /* longest chain a process follows */
#endif
byte d[NT]; byte ix[NT];     /* chain length, index */
byte ch[NT*CHD];             /* right holders on the way from h (exclusive) to T(tail), as read */
byte tl[NT];                 /* p's w was linked at T[tl]: the tail */
byte bel[NT];                /* p believes it holds the lock, and is not expired on its own clock */
byte late[NT];               /* p's own deadline (kept in memory, not the mtime) has passed */
byte jm;                     /* janitor's cursor */
#if JANITOR >= 5
byte jph;                    /* how far it is with jm */
#endif
byte ncrash, nexp, nforce, ntrf;

byte f; byte i; byte k; byte u; /* scratch, always 0 between steps */

c_code {
#ifndef NT
#define NT (NP+NF)
#endif
#define CDIR 31
static unsigned char c_ref[64];
static void c_refs(void) {             /* which tokens are referred to */
	int i, p, again;
	memset(c_ref, 0, sizeof c_ref);
	for (i = 1; i <= NID; i++) if (now.dead[i]) now.X[i] = 0;
	c_ref[now.L] = 1; c_ref[now.jm] = 1;
	for (p = 0; p < NT; p++)
		c_ref[now.x[p]] = c_ref[now.w[p]] = c_ref[now.h[p]] =
		c_ref[now.m[p]] = c_ref[now.n[p]] = c_ref[now.tl[p]] = 1;
	for (p = 0; p < NT*CHD; p++) c_ref[now.ch[p]] = 1;
	for (i = 1; i <= NID; i++) if (now.T[i]) c_ref[i] = c_ref[now.T[i]] = 1;
	do {
		again = 0;
		for (i = 1; i <= NID; i++)
			if (c_ref[i] && now.X[i] && now.X[i] != CDIR && !c_ref[now.X[i]])
				c_ref[now.X[i]] = again = 1;
	} while (again);
	c_ref[0] = 0;
	for (i = 1; i <= NID; i++) if (!c_ref[i])
		now.X[i] = now.arm[i] = now.dead[i] = now.ex[i] = 0;
	/* a dead (or abandoned) claim is stale whatever its mtime, and nobody
	 * uses its private names any more: what they hold does not matter */
	for (i = 1; i <= NID; i++) if (now.dead[i]) {
		now.X[i] = now.arm[i] = 0;
		if (NF == 0) now.ex[i] = 0;
	}
}
static int c_findfree(void) {
	int i; c_refs();
	for (i = 1; i <= NID; i++) if (!c_ref[i]) return i;
	return 0;
}
struct cs { unsigned char L, jm, T[NID+1], X[NID+1], arm[NID+1], dead[NID+1], ex[NID+1],
	pc[NT], md[NT], late[NT], x[NT], w[NT], h[NT], m[NT], n[NT], tl[NT], bel[NT], d[NT], ix[NT], ch[NT*CHD]; };
static void c_build(const int *pr, struct cs *o) {
	unsigned char map[64], ord[64]; int nx = 1, i, j, q, p;
	memset(map, 0, sizeof map); memset(o, 0, sizeof *o);
#define VIS(t) do { int _t = (t); if (_t && !map[_t]) { ord[nx] = _t; map[_t] = nx++; } } while (0)
	VIS(now.L);
	for (p = 0; p < NT; p++) { q = pr[p];
		VIS(now.x[q]); VIS(now.w[q]); VIS(now.h[q]); VIS(now.m[q]); VIS(now.n[q]); VIS(now.tl[q]);
		for (j = 0; j < CHD; j++) VIS(now.ch[q*CHD+j]); }
	VIS(now.jm);
	for (j = 1; j < nx; j++) { VIS(now.T[ord[j]]); if (now.X[ord[j]] != CDIR) VIS(now.X[ord[j]]); }
	/* orphans: those nobody's tombstone first */
	for (i = 1; i <= NID; i++) if (c_ref[i] && !map[i]) {
		int has = 0; for (j = 1; j <= NID; j++) if (now.T[j] == i) has = 1;
		if (!has) { VIS(i); for (j = map[i]; j < nx; j++) VIS(now.T[ord[j]]); }
	}
	for (i = 1; i <= NID; i++) if (c_ref[i]) VIS(i);
	o->L = map[now.L]; o->jm = map[now.jm];
	for (j = 1; j < nx; j++) { i = ord[j];
		o->T[j] = map[now.T[i]]; o->X[j] = now.X[i] == CDIR ? CDIR : map[now.X[i]];
		o->arm[j] = now.arm[i]; o->dead[j] = now.dead[i]; o->ex[j] = now.ex[i]; }
	for (p = 0; p < NT; p++) { q = pr[p];
		o->pc[p] = now.pc[q]; o->md[p] = now.md[q]; o->late[p] = now.late[q]; o->bel[p] = now.bel[q];
		o->x[p] = map[now.x[q]]; o->w[p] = map[now.w[q]]; o->h[p] = map[now.h[q]];
		o->m[p] = map[now.m[q]]; o->n[p] = map[now.n[q]]; o->tl[p] = map[now.tl[q]];
		o->d[p] = now.d[q]; o->ix[p] = now.ix[q]; for (j = 0; j < CHD; j++) o->ch[p*CHD+j] = map[now.ch[q*CHD+j]]; }
}
static void c_canon(void) {
	static const int perm[6][3] = {{0,1,2},{0,2,1},{1,0,2},{1,2,0},{2,0,1},{2,1,0}};
	struct cs best, cur; int pr[NT], s, p, ns = 1;
	c_refs();
#ifdef NOCANON
	return;
#endif
#ifndef NOSYM
	ns = NP == 3 ? 6 : NP == 2 ? 3 : 1;
#endif
	for (s = 0; s < ns; s++) {
		if (NP == 2 && s == 1) continue;
		for (p = 0; p < NT; p++) pr[p] = p;
		if (NP == 3) for (p = 0; p < 3; p++) pr[p] = perm[s][p];
		if (NP == 2) for (p = 0; p < 2; p++) pr[p] = perm[s][p];
		c_build(pr, &cur);
		if (s == 0 || memcmp(&cur, &best, sizeof best) < 0) best = cur;
	}
	now.L = best.L; now.jm = best.jm;
#define CP(a) memcpy(now.a, best.a, sizeof best.a)
	CP(T); CP(X); CP(arm); CP(dead); CP(ex); CP(pc); CP(md); CP(late); CP(x); CP(w); CP(h); CP(m); CP(n); CP(tl); CP(bel); CP(d); CP(ix); CP(ch);
}
}
#if JANITOR == 7
#define newtoken() if :: jph==4 -> f = jm; jph = 5 :: else -> c_code { now.f = c_findfree(); } fi
#else
#define newtoken() c_code { now.f = c_findfree(); }
#endif
#define findfree()  newtoken(); if :: f != 0 -> dead[f]=0; ex[f]=0; X[f]=0; arm[f]=0 :: else fi
#define canon()     c_code { c_canon(); }

/* p is about to take v away from the name L */
inline chkremove(p,v) {
  k = 0;
  do
  :: k < NT -> assert(!(k!=p && bel[k]!=0 && x[k]==v)); k++   /* a live unexpired owner's lock removed */
  :: else -> break
  od; k = 0
}
inline forcedoff(v) {                                         /* --force: the victim loses, by decision */
  k = 0; ex[v] = 3;                                                  /* mark: belief in v does not count from here on */
  do :: k < NT -> if :: x[k]==v -> bel[k]=0 :: else fi; k++ :: else -> break od; k = 0
}
/* p starts to believe that it holds the lock */
inline believe(p) {
  k = 0;
  do
  :: k < NT -> assert(!(k!=p && bel[k]!=0)); k++              /* mutual exclusion */
  :: else -> break
  od; k = 0;
  assert(L==x[p]);
  bel[p] = 1
}
inline doneright(p) {        /* p is done with its right claim w */
  if :: w[p]!=0 -> dead[w[p]]=1 :: else fi;
  w[p]=0; h[p]=0; m[p]=0; n[p]=0; tl[p]=0; md[p]=0; clearch(p)
}
inline clearch(p) { d[p]=0; ix[p]=0; k=0; do :: k<CHD -> ch[p*CHD+k]=0; k++ :: else -> break od; k=0 }
inline doneowner(p) {        /* p is done with its owner claim x: abandoned */
  if :: x[p]!=0 -> dead[x[p]]=1 :: else fi;
  x[p]=0; bel[p]=0; late[p]=0
}
#define PCRASHED 60
#define STALE(q)  (dead[q]!=0 || ex[q]>=2)
#ifdef REVOKE
#define RSTALE(q) (dead[q]!=0 || ex[q]>=2)
#else
#define RSTALE(q) (dead[q]!=0)
#endif
inline docrash(p) {
  doneright(p); doneowner(p);
#if MAXCRASH != 255
  ncrash++;
#endif
  printf("P%d: crashes\n", p);
#ifdef NOREBIRTH
  pc[p] = PCRASHED;
#else
  pc[p] = 0;
#endif
  canon()
}
#ifdef EXPIRE
/* a claim touched by a QUIET process does not expire within that process' wait (timing assumption) */
#ifdef QUIET
#define QD(q) ((pc[q]==27 || pc[q]==11) && h[q]==L)
#define NOTQUIETED (!QD(0) && !QD(1) && !QD(NP-1))
#else
#define NOTQUIETED true
#endif
#if MAXEXP != 255
#define CNT nexp++
#else
#define CNT skip
#endif
/* x: first the owner's own clock reaches the deadline (and it stops believing), then everybody's */
#define EXPX(p) :: d_step { nexp < MAXEXP && x[p]!=0 && ex[x[p]]==0 -> ex[x[p]]=1; bel[p]=0; late[p]=1; CNT; printf("C: P%d's claim %d expires on its own clock\n", p, x[p]); canon() }
#if defined(TAKEOVER) || defined(TRANSFER)   /* w may become an owner claim: two clocks */
#define WEXP 1
#else
#define WEXP 2
#endif
#define EXPW(p) :: d_step { nexp < MAXEXP && w[p]!=0 && w[p]!=x[p] && dead[w[p]]==0 && ex[w[p]]==0 -> ex[w[p]]=WEXP; CNT; printf("C: right claim %d of P%d expires\n", w[p], p); canon() }
#if NF > 0
/* flufl.lock makes no self check: it believes in its lock to the end */
#define EXPF(p) :: d_step { nexp < MAXEXP && x[p]!=0 && ex[x[p]]==0 -> ex[x[p]]=1; bel[p]=0; CNT; printf("C: F%d's claim %d expires\n", p, x[p]); canon() }
#endif
proctype Clock() {
end_c:
  do
  EXPX(0)
  EXPX(1)
  EXPW(0)
  EXPW(1)
#if NP > 2
  EXPX(2)
  EXPW(2)
#endif
#if NF > 0
  EXPF(NP)
#endif
#if NF > 1
  EXPF(NP+1)
#endif
#ifdef SKEW
  :: d_step { L!=0 && ex[L]<2 -> ex[L] = 2; printf("C: others see claim %d expired\n", L); canon() }
#else
  :: d_step { L!=0 && ex[L]==1 && NOTQUIETED -> ex[L] = 2; printf("C: others see claim %d expired\n", L); canon() }
#endif
  /* dead claims at L expire, too (only flufl processes care) */
#if NF > 0
  :: d_step { L!=0 && dead[L]!=0 && ex[L]<2 && NOTQUIETED -> ex[L] = 2; printf("C: dead claim %d expires\n", L); canon() }
#endif
  :: d_step { w[0]!=0 && ex[w[0]]==1 -> ex[w[0]] = 2; printf("C: others see right claim %d expired\n", w[0]); canon() }
  :: d_step { w[1]!=0 && ex[w[1]]==1 -> ex[w[1]] = 2; printf("C: others see right claim %d expired\n", w[1]); canon() }
#if NP > 2
  :: d_step { w[2]!=0 && ex[w[2]]==1 -> ex[w[2]] = 2; printf("C: others see right claim %d expired\n", w[2]); canon() }
#endif
  od
}
#endif
#ifdef JANITOR
/* removes tombstones T(jm).
 * 1: the safe rule: no name (T(any), then L) is bound to jm any more => jm, which is linked at most
 *    once, is gone for good => T(jm) is garbage, whoever holds it.  (An inode that has a tombstone
 *    only ever loses names, so the scan need not be atomic; modelled as one step, the weakest
 *    test, followed by the unlink as a separate step.)
 * 2: "the tombstone's own owner is dead => unlink it": the obvious rule, wrong.
 * 3: rule 1, and removes fences X(t) whose t is expired, but not known to be dead: wrong.
 * 4: rule 1 only if jm's owner is known to be dead (stricter than needed).
 * 5: rule 1 step by step: list the T names, which gives the candidates; list them again, from the
 *    start, and read each; then read L; then unlink.  (No token is ever bound to two T names, so
 *    for one candidate the second listing is one read, at some moment.)
 * 6: as 5, but L is read before the second listing: wrong, a transfer goes from T to L.
 * 7: as 5, but with one listing for both: wrong, it may pass the place of T(tail) before w is
 *    linked there, and come to T(w) when w has died and been given a successor. */
#if JANITOR == 2
#define JOK(q) (T[q]!=0 && dead[T[q]]!=0)
#else
#if NID > 5
#define A6(q) && T[6]!=(q)
#else
#define A6(q)
#endif
#if NID > 6
#define A7(q) && T[7]!=(q)
#else
#define A7(q)
#endif
#if NID > 7
#define A8(q) && T[8]!=(q)
#else
#define A8(q)
#endif
#define NOT_AT(q) (T[1]!=(q) && T[2]!=(q) && T[3]!=(q) && T[4]!=(q) && T[5]!=(q) A6(q) A7(q) A8(q))
#if JANITOR == 4
#define JOK(q) (T[q]!=0 && dead[q]!=0 && L!=(q) && NOT_AT(q))
#else
#define JOK(q) (T[q]!=0 && L!=(q) && NOT_AT(q))
#endif
#endif
#if JANITOR == 3
#define JPICK(q) :: d_step { jm==0 && JOK(q) -> jm = q; canon() } \
                 :: d_step { X[q]==DIR && ex[q]>=2 -> X[q] = 0; printf("J: rmdir(X(%d))\n", q); canon() }
#elif JANITOR >= 5
#if JANITOR == 6
#define JTEST1(q) (L!=(q))
#define JTEST2(q) NOT_AT(q)
#else
#define JTEST1(q) NOT_AT(q)
#define JTEST2(q) (L!=(q))
#endif
#define JPICK(q) :: d_step { jm==0 && T[q]!=0 -> jm = q; jph = 1; canon() }
#else
#define JPICK(q) :: d_step { jm==0 && JOK(q) -> jm = q; canon() }
#endif
proctype Janitor() {
end_j:
  do
#if JANITOR >= 5
  :: d_step { jph==1 -> if :: JTEST1(jm) -> jph=2 :: else -> jm=0; jph=0 fi; canon() }
  :: d_step { jph==2 -> if :: JTEST2(jm) -> jph=3 :: else -> jm=0; jph=0 fi; canon() }
  :: d_step { jph==3 -> printf("J: unlink(T(%d)), which is claim %d\n", jm, T[jm]); T[jm] = 0; jm = 0; jph = 0; canon() }
#if JANITOR == 7
  :: d_step { jm==0 -> c_code { now.jm = c_findfree(); }; if :: jm!=0 -> jph=4; dead[jm]=0; ex[jm]=0; X[jm]=0; arm[jm]=0 :: else fi; canon() }
  :: d_step { jph==5 && T[jm]!=0 -> jph=2; printf("J: lists T(%d), after the place where %d was linked\n", jm, jm); canon() }
#endif
#else
  :: d_step { jm!=0 -> printf("J: unlink(T(%d)), which is claim %d\n", jm, T[jm]); T[jm] = 0; jm = 0; canon() }
#endif
  JPICK(1)
  JPICK(2)
  JPICK(3)
  JPICK(4)
  JPICK(5)
#if NID > 5
  JPICK(6)
#endif
#if NID > 6
  JPICK(7)
#endif
#if NID > 7
  JPICK(8)
#endif
#if NID > 8
#error extend JPICK
#endif
  od
}
#endif
