/* How an answer is scored against the expected ones. Pure functions of text; knows no model and no
 * task. For this directory's own files. */
#pragma once

#include "pmod-eval.h"

G_BEGIN_DECLS

/* 0 to 1: how right got is. expected has at least one answer; choices are the texts of a question
 * with several choices, A first, or NULL.
 *
 *   exact     1 where got is one of expected; see pmod_eval_normal_exact()
 *   yes-no    1 where pmod_eval_says_no() of got and of expected[0] agree
 *   vqa-soft  the mean, over leaving one of expected out, of min (matches with the others / 3, 1);
 *             a single expected answer stands for ten; compared by pmod_eval_normal_vqa().
 *             Source: VQA v2, vqaEval.py
 *   choice    1 where pmod_eval_choice() of got is the letter expected
 *   anls      the best of 1 - d, d the edit distance by the longer one's length; 0 where
 *             d >= 0.5. Source: Biten et al., Scene Text Visual Question Answering
 *   relaxed   1 where both are numbers at most 5 % apart, else where they are the same words.
 *             Source: Masry et al., ChartQA */
double pmod_eval_score (PmodEvalMetric metric,
                        const char *got,
                        char *const *expected,
                        char *const *choices);

/* What the metric compares, for counting which answer is the most frequent. (transfer full) */
char *pmod_eval_normal (PmodEvalMetric metric, const char *answer);

/* Lower case, single spaces, no space around it, one full stop at the end left out.
 * (transfer full) */
char *pmod_eval_normal_exact (const char *answer);

/* Lower case; no articles, no punctuation; numbers up to ten as digits; contractions alike with
 * and without their apostrophes. Source: VQA v2, vqaEval.py. (transfer full) */
char *pmod_eval_normal_vqa (const char *answer);

/* Whether the first sentence has the word "no" or "not". Source: LLaVA, eval_pope.py, which takes
 * everything else for a yes. */
gboolean pmod_eval_says_no (const char *answer);

/* Whether the answer begins with neither word, so that saying yes or no was read into it. */
gboolean pmod_eval_is_evasive (const char *answer);

/* 'A' to 'Z' where the answer is a letter ("B", "(b)", "B. a dog", "The answer is B.") or the text
 * of one of choices (nullable); else 0. */
char pmod_eval_choice (const char *answer, char *const *choices);

G_END_DECLS
