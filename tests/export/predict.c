/* predict MODEL INPUT OUTPUT PICTURE ANSWER: one string through a SavedModel, by
   TensorFlow's C API. INPUT and OUTPUT: "operation:number". Exit code: TF_Code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>
#include <tensorflow/c/tf_tstring.h>

static void check(TF_Status *status, const char *what) {
  if (TF_GetCode(status) == TF_OK) return;
  printf("%s: %s\n", what, TF_Message(status));
  exit(TF_GetCode(status));
}

static TF_Output find(TF_Graph *graph, char *name) {
  char *colon = strrchr(name, ':');
  *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!found.oper) exit(100);
  return found;
}

int main(int count, char **words) {
  if (count != 6) return 101;
  FILE *file = fopen(words[4], "rb");
  if (!file) return 102;
  fseek(file, 0, SEEK_END);
  size_t length = ftell(file);
  rewind(file);
  char *bytes = malloc(length);
  if (fread(bytes, 1, length, file) != length) return 103;

  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(
      TF_NewSessionOptions(), NULL, words[1], tags, 1, graph, NULL, status);
  check(status, "load");

  int64_t shape[] = {1};
  TF_Tensor *picture = TF_AllocateTensor(TF_STRING, shape, 1, sizeof(TF_TString));
  TF_TString *text = TF_TensorData(picture);
  TF_TString_Init(text);
  TF_TString_Copy(text, bytes, length);
  TF_Output input = find(graph, words[2]), output = find(graph, words[3]);
  TF_Tensor *answer = NULL;
  TF_SessionRun(session, NULL, &input, &picture, 1, &output, &answer, 1, NULL, 0,
                NULL, status);
  check(status, "run");

  TF_TString *given = TF_TensorData(answer);
  FILE *out = fopen(words[5], "wb");
  if (!out) return 104;
  fwrite(TF_TString_GetDataPointer(given), 1, TF_TString_GetSize(given), out);
  return fclose(out) ? 105 : 0;
}
