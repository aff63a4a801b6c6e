using System.Buffers.Binary;
using DynamicFs.Interop;

namespace DynamicFs.Fuzz;

/// <summary>
/// Inputs that were once a failure, one file each, named by target and hash: per input its origin (1 byte), its length (4, little-endian) and its bytes. Bytes, not seeds: the way
/// inputs are made may change.
/// </summary>
internal static class KeptInputs
{
    public static string Keep(string directory, FuzzFailure failure)
    {
        var bytes = new List<byte>();
        foreach (FuzzInput input in failure.Inputs)
        {
            bytes.Add((byte)input.Origin);
            byte[] length = new byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, input.Bytes.Length);
            bytes.AddRange(length);
            bytes.AddRange(input.Bytes);
        }

        byte[] all = [.. bytes];
        string path = Path.Combine(directory, $"{failure.Target}.{Blake3.Hash(all).ToString()[..12]}");
        Directory.CreateDirectory(directory);
        File.WriteAllBytes(path, all);
        return path;
    }

    public static string TargetOf(string path) => Path.GetFileName(path).Split('.')[0];

    public static IReadOnlyList<FuzzInput> Read(string path)
    {
        ReadOnlySpan<byte> rest = File.ReadAllBytes(path);
        var inputs = new List<FuzzInput>();
        while (!rest.IsEmpty)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest[1..]);
            inputs.Add(new FuzzInput((FuzzOrigin)rest[0], rest.Slice(5, length).ToArray()));
            rest = rest[(5 + length)..];
        }

        return inputs;
    }
}
